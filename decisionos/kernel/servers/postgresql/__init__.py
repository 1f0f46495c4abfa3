"""Django's PostgreSQL backend, whose connections notice that the server has fallen silent.

What must stay true: a request is told within two seconds that the database does not answer, whatever it was
waiting for; statements of a server that answers take as long as they take.
"""
