"""Networks, one file each: a dataclass `Network` with `build` and `describe`."""
