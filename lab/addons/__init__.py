"""What a stack may need beside it in the cluster: cert-manager, Traefik, definitions of custom resources."""
