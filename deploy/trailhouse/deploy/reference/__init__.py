"""The generated parts of the docs, made from the code they speak of (`make docs`)."""
