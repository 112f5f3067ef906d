"""Image content, shared by ECR's operations and the OCI door."""
