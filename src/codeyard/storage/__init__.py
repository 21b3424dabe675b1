"""State and bytes: the Database and Blobs ports and their adapters. Imports only the contract."""

from codeyard.storage.blobs import Blobs, BlobWriter
from codeyard.storage.database import Database, open_database
from codeyard.storage.files import FileBlobs
from codeyard.storage.guard import WriteGuardError, assert_not_writing
from codeyard.storage.keyring import Keyring
from codeyard.storage.keys import MasterKey, RootSealer
from codeyard.storage.roots import RootKeyError
from codeyard.storage.schema import Key, dumps, loads, schema
from codeyard.storage.sqlite import AlreadyOpenError
from codeyard.storage.tx import Row, Tx

__all__ = [
    "AlreadyOpenError",
    "BlobWriter",
    "Blobs",
    "Database",
    "FileBlobs",
    "Key",
    "Keyring",
    "MasterKey",
    "RootKeyError",
    "RootSealer",
    "Row",
    "Tx",
    "WriteGuardError",
    "assert_not_writing",
    "dumps",
    "loads",
    "open_database",
    "schema",
]
