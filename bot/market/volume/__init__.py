"""Volume of the coming minutes: three models behind one interface, and the VWAP schedule on top."""
