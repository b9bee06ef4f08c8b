// What a page keeps in this browser: keys that cannot be exported, and small records. IndexedDB,
// because it alone keeps keys without ever showing them to a script.

const NAME = "yaoki";
const VERSION = 2;
const STORES = ["key", "journal", "state"];

let opened;

function open() {
  opened ??= new Promise((done, failed) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const missing = STORES.filter((store) => !request.result.objectStoreNames.contains(store));
      missing.forEach((store) => request.result.createObjectStore(store));
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  return opened;
}

async function inStore(store, mode, work) {
  const database = await open();
  return new Promise((done, failed) => {
    // What a register keeps before it sends must be on disk, not only on its way.
    const transaction = database.transaction(store, mode, { durability: "strict" });
    const request = work(transaction.objectStore(store));
    transaction.oncomplete = () => done(request.result);
    transaction.onerror = () => failed(transaction.error);
    transaction.onabort = () => failed(transaction.error);
  });
}

/** What is kept under `key`, or undefined. */
export const find = (store, key) => inStore(store, "readonly", (kept) => kept.get(key));
/** Everything of a store, by key. */
export const all = (store) => inStore(store, "readonly", (kept) => kept.getAll());
/** Keeps `value`; it is on disk when this returns. */
export const keep = (store, key, value) => inStore(store, "readwrite", (kept) => kept.put(value, key));
/** Forgets. */
export const drop = (store, key) => inStore(store, "readwrite", (kept) => kept.delete(key));
