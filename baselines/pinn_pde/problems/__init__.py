"""Problems, one a file."""
