"""What FOMM and MRAA share: local affine motion, flow network, warping generator, losses, animation, stages."""
