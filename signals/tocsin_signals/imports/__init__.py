"""Files of other systems in: STIX 2.1 bundles, MISP events, ThreatExchange descriptors; `rowfile` is their door."""
