"""What expression weights mean: each key raised alone on rendered faces, rest and range on photographs."""
