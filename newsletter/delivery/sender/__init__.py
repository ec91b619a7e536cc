"""The sender: claims recipients, hands their messages over, settles what became of them."""
