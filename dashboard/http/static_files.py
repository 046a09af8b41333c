"""Static files with content hashes in their names, so that browsers can cache them for good."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Also renames the files that JavaScript modules import.

    Otherwise a browser could mix modules of two releases.
    """

    support_js_module_import_aggregation = True
