// Names for what Django's own scripts and templates of the admin leave without one.

const label = (id) => document.querySelector(`label[for="${CSS.escape(id)}"]`)?.textContent.replace(/:\s*$/, "").trim();

/** The search fields of Select2, inside a field and in the list that opens. */
function nameSearchFields(root = document) {
  for (const select of root.querySelectorAll("select.admin-autocomplete")) {
    const field = select.parentElement.querySelector(".select2-search__field");
    if (field) field.setAttribute("aria-label", label(select.id) ?? "Search");
  }
}

/** Icons that have a text for those who do not see them, but are not said to be pictures. */
function nameIcons() {
  for (const icon of document.querySelectorAll("span.help-tooltip[aria-label]")) icon.setAttribute("role", "img");
}

/** The two fields of a time. */
function nameTimes(root = document) {
  for (const pair of root.querySelectorAll("p.datetime")) {
    const whole = pair.closest("fieldset.flex-container, fieldset.form-multiline")?.querySelector("legend, label")?.textContent;
    for (const [kind, field] of [["Date", pair.querySelector(".vDateField")], ["Time", pair.querySelector(".vTimeField")]]) {
      field?.setAttribute("aria-label", whole ? `${whole.replace(/:\s*$/, "").trim()}: ${kind.toLowerCase()}` : kind);
    }
  }
}

/** Columns of inline tables without a heading. */
function nameColumns() {
  for (const heading of document.querySelectorAll("th.original:empty")) {
    const name = document.createElement("span");
    name.className = "visually-hidden";
    name.textContent = "Entry";
    heading.append(name);
  }
}

// Before Select2 starts, when the document is ready: the button that empties a list would be no item of it.
for (const select of document.querySelectorAll("select.admin-autocomplete[multiple]")) select.dataset.allowClear = "false";
nameColumns();
nameTimes();
// As late as the scripts that make them, which were asked before this one.
globalThis.django?.jQuery(() => nameSearchFields());
addEventListener("load", nameIcons);
document.addEventListener("formset:added", ({ target }) => {
  nameTimes(target);
  queueMicrotask(() => nameSearchFields(target));
});
// jQuery's events are not the document's own.
globalThis.django?.jQuery(document).on("select2:open", ({ target }) => {
  document.querySelector(".select2-dropdown .select2-search__field")?.setAttribute("aria-label", label(target.id) ?? "Search");
});
