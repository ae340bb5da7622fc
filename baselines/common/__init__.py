"""Services that every topic shares: configuration, options, records, claims, compute, data and figures."""
