"""Normalisations that stand after every graph layer (``norm=``)."""
