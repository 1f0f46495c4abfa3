"""The tenant: an organization, its projects and environments, and its configuration as versions.

What must stay true: an organization's id is the ``tenant_id`` of all its rows; a configuration that fails
validation never replaces the one in force. Neighbours: identity and access above, the kernel below.
"""
