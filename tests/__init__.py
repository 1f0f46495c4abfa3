"""The proof of the product, mirroring its folders."""
