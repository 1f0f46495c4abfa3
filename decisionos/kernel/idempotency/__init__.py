"""One effect per Idempotency-Key: the first answer is kept and given again.

What must stay true: the record is written in the transaction of the effect, so neither exists without the
other; the same key with another body is a conflict.
"""
