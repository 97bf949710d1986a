"""The papers' real data sets, one small file each: the card, and the scanner of its official layouts."""
