"""Use cases of sending: propose, send, watch and steer a delivery; proofs and dry runs."""
