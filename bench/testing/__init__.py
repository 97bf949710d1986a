"""What tests of the suite and of plugins stand on: a tiny exact world and a toy method that uses every interface."""
