"""From torch to ONNX: int8, flip ensembles, checkpoints made small."""
