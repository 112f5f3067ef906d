"""Every ECR operation, found by its name, one module per resource."""
