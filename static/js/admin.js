// Accessible names for elements that Django's own admin scripts and templates leave unnamed.

const label = (id) => document.querySelector(`label[for="${CSS.escape(id)}"]`)?.textContent.replace(/:\s*$/, "").trim();

/** Select2's search fields, both inline and in the dropdown. */
function nameSearchFields(root = document) {
  for (const select of root.querySelectorAll("select.admin-autocomplete")) {
    const field = select.parentElement.querySelector(".select2-search__field");
    if (field) field.setAttribute("aria-label", label(select.id) ?? "Search");
  }
}

/** Icons with an aria-label but without the role that makes screen readers announce it. */
function nameIcons() {
  for (const icon of document.querySelectorAll("span.help-tooltip[aria-label]")) icon.setAttribute("role", "img");
}

/** The date and time inputs of a datetime field. */
function nameTimes(root = document) {
  for (const pair of root.querySelectorAll("p.datetime")) {
    const whole = pair.closest("fieldset.flex-container, fieldset.form-multiline")?.querySelector("legend, label")?.textContent;
    for (const [kind, field] of [["Date", pair.querySelector(".vDateField")], ["Time", pair.querySelector(".vTimeField")]]) {
      field?.setAttribute("aria-label", whole ? `${whole.replace(/:\s*$/, "").trim()}: ${kind.toLowerCase()}` : kind);
    }
  }
}

/** Columns of inline tables whose heading is empty. */
function nameColumns() {
  for (const heading of document.querySelectorAll("th.original:empty")) {
    const name = document.createElement("span");
    name.className = "visually-hidden";
    name.textContent = "Entry";
    heading.append(name);
  }
}

// Before Select2 starts on document ready: its "clear" button would be an invalid child of the list.
for (const select of document.querySelectorAll("select.admin-autocomplete[multiple]")) select.dataset.allowClear = "false";
nameColumns();
nameTimes();
// On jQuery's ready, where the scripts that create the fields registered before this one.
globalThis.django?.jQuery(() => nameSearchFields());
addEventListener("load", nameIcons);
document.addEventListener("formset:added", ({ target }) => {
  nameTimes(target);
  queueMicrotask(() => nameSearchFields(target));
});
// Select2 triggers jQuery events, which addEventListener does not receive.
globalThis.django?.jQuery(document).on("select2:open", ({ target }) => {
  document.querySelector(".select2-dropdown .select2-search__field")?.setAttribute("aria-label", label(target.id) ?? "Search");
});
