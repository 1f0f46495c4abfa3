"""The binder: controls that are run, and the evidence that they gave.

What must stay true: a control passes because its check ran now and held; a check that cannot run fails. What
a check writes is rolled back. Neighbours: tenancy (roles, tokens, consent), the kernel (encryption, masking).
"""
