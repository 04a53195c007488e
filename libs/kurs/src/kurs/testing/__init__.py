"""What tests of services need: apps joined in process, and checks of the common shapes."""
