"""Training windows of other cameras, bodies, postures and detectors than the data's."""
