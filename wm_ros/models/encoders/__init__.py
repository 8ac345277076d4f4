"""Video encoders: frames uint8 [B, H, W, 3] in, tokens [B, N, D] out."""
