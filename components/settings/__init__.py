"""What a stack may say: typed, strict, frozen. ``load`` alone reads Pulumi's configuration."""
