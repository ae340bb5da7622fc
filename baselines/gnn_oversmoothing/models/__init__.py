"""Graph layers to stack (``model=``)."""
