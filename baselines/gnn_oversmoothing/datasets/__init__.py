"""Graphs with features, labels and splits (``dataset=``)."""
