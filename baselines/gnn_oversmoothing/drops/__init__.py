"""What is left out of the graph while training (``drop=``)."""
