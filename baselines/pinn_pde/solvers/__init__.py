"""Classical solvers, one method a file: numpy and scipy only, arrays in and arrays out."""
