"""Static files under names that change with their content, so that browsers may keep them."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Also renames the files that JavaScript modules import.

    Otherwise a browser could put together modules of two versions of the product.
    """

    support_js_module_import_aggregation = True
