"""The plain parts of a figure: colours, axes, numbers as people write them."""
