"""The dashboard looked at: pictures of it, and its bars."""
