"""Edges added to and removed from the graph before training (``rewiring=``)."""
