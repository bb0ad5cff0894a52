// The exceptions of IndexedDB: plain DOMExceptions, so that `error.constructor === DOMException` as in a browser.

type ErrorClass = new (message?: string) => DOMException;

function errorClass(name: string, message: string): ErrorClass {
  return function (text: string = message) {
    return new DOMException(text, name);
  } as unknown as ErrorClass;
}

export const AbortError = errorClass("AbortError", "the request was aborted, for example by abort() of its transaction");
export const ConstraintError = errorClass("ConstraintError", "a constraint is not satisfied: a key, or an index that must be unique, exists already");
export const DataCloneError = errorClass("DataCloneError", "the value could not be cloned");
export const DataError = errorClass("DataError", "the key, key path or range given is not valid for this operation");
export const InvalidAccessError = errorClass("InvalidAccessError", "the operation is not possible with these arguments");
export const InvalidStateError = errorClass("InvalidStateError", "the object is not in a state that allows the operation, or it was deleted");
export const NotFoundError = errorClass("NotFoundError", "the object store or index does not exist");
export const ReadOnlyError = errorClass("ReadOnlyError", 'the transaction is "readonly"; open it with mode "readwrite"');
export const TransactionInactiveError = errorClass("TransactionInactiveError", "the transaction is not active: it has finished, or no request of it is being handled");
export const SyntaxError = errorClass("SyntaxError", "the key path is not valid");
export const VersionError = errorClass("VersionError", "the database exists with a higher version than the one asked for");
