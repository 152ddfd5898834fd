// What is asked of PostGraphile: the fields that the others answer with.
// Must never name a tenant.
// Called by check.ts, and by run.sh, which prints them for wrk.
const fields = 'rowId name email phone stage organizationId ownerId notes custom externalId createdAt updatedAt archivedAt'
const shown = '(first: 20, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], condition: { archivedAt: null })'

export const list = (counted: boolean): string =>
    `query list { allContacts${shown} { nodes { ${fields} }${counted ? ' totalCount' : ''} } }`

export const created =
    `mutation create($contact: ContactInput!) { createContact(input: { contact: $contact }) { contact { ${fields} } } }`

if (import.meta.main) {
    const asked = { list: list(false), counted_list: list(true), create: created }
    for (const [name, text] of Object.entries(asked)) console.log(`${name}\t${text}`)
}
