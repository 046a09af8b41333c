"""Every limit of the web server that cannot be set.

Those that can are in :mod:`engagement_conductor.settings`: ``MAX_SOCKETS_PER_USER``, for one.
"""

# Requests: a browser asks for six things at a time.
REQUESTS_PER_CALLER = 6
REQUEST_QUEUE_PER_CALLER = 200
REQUEST_QUEUE_SECONDS = 30.0
# From the first byte of a request to its last.
REQUEST_SECONDS = 30.0

# Handshakes of WebSockets. After a restart all screens reconnect at once and queue.
HANDSHAKES = 200
HANDSHAKES_PER_CALLER = 20
HANDSHAKE_SECONDS = 20.0

# A client that takes none of what it is sent for this long is disconnected.
STALL_SECONDS = 30.0
# Bytes that may wait in the send buffers of one WebSocket, and of all. Each is larger than any one
# message: what a client missed is sent anew when it reconnects.
SEND_BUFFER_BYTES = 8 * 1024 * 1024
ALL_SEND_BUFFERS_BYTES = 256 * 1024 * 1024

# The only message that pages send is {"type":"snapshot"}.
MESSAGE_BYTES = 256
# Messages of one WebSocket that the application has not read; it reads each at once, except while
# it makes a snapshot.
UNREAD_MESSAGES = 100

# File descriptors kept free for the database, Redis, log files and the like.
RESERVED_DESCRIPTORS = 128
# Connections that the kernel queues until they are accepted. A client that finds the queue full
# retries after 1, 3, 7 ... s: with Twisted's default of 50, thousands that reconnect after a
# restart took half a minute. The kernel caps it at net.core.somaxconn.
BACKLOG = 4096
