"""The waist: snapshots, their terms and what is read from them; both halves stand on it."""
