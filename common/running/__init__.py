"""By what a network is computed: device and processes, several networks as one, ONNX, fewer bits."""
