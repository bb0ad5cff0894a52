// The format of event streams (HTML, sections 9.2.5 and 9.2.6).

/** An event as the stream has it. */
export interface StreamEvent {
  type: string;
  data: string;
  lastEventId: string;
}

/** Takes a stream apart, in parts of any size. */
export class EventStreamParser {
  /** The last event ID string of the source: the one of the last event that was complete, with data or without. */
  lastEventId: string;
  /** The reconnection time in milliseconds, once the stream has told one. */
  retry: number | null = null;
  #lengthMax: number;
  #idBuffer: string;
  #type = "";
  #data: string[] = [];
  #dataLength = 0;
  /** The line that has not ended. */
  #line: string[] = [];
  #lineLength = 0;
  /** The last character was a CR: a LF after it ends no other line. */
  #afterCr = false;

  /** `lengthMax` limits the data of one event, and one line. */
  constructor(lastEventId: string, lengthMax: number) {
    this.lastEventId = this.#idBuffer = lastEventId;
    this.#lengthMax = lengthMax;
  }

  /** The events that this part completes. Throws RangeError if one is too long. */
  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    let from = this.#afterCr && text.startsWith("\n") ? 1 : 0;
    if (text !== "") this.#afterCr = text.endsWith("\r");
    let lf = text.indexOf("\n", from);
    let cr = text.indexOf("\r", from);
    while (lf >= 0 || cr >= 0) {
      const end = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf;
      const event = this.#endLine(text.slice(from, end));
      if (event !== null) events.push(event);
      from = end === cr && lf === cr + 1 ? end + 2 : end + 1;
      if (lf >= 0 && lf < from) lf = text.indexOf("\n", from);
      if (cr >= 0 && cr < from) cr = text.indexOf("\r", from);
    }
    if (from < text.length) this.#addToLine(text.slice(from));
    return events;
  }

  #addToLine(text: string): void {
    this.#lineLength += text.length;
    this.#checkLength(this.#lineLength);
    this.#line.push(text);
  }

  #checkLength(length: number): void {
    if (length > this.#lengthMax) {
      throw new RangeError(`an event of the stream is longer than ${this.#lengthMax} characters, the limit \`connection_message_bytes_max\``);
    }
  }

  #endLine(rest: string): StreamEvent | null {
    let line = rest;
    if (this.#line.length > 0) {
      this.#addToLine(rest);
      line = this.#line.join("");
      this.#line = [];
      this.#lineLength = 0;
    }
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    // A comment.
    if (colon === 0) return null;
    if (colon < 0) this.#field(line, "");
    else this.#field(line.slice(0, colon), line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1));
    return null;
  }

  /** "Process the field". */
  #field(name: string, value: string): void {
    switch (name) {
      case "event":
        this.#type = value;
        return;
      case "data":
        this.#dataLength += value.length + 1;
        this.#checkLength(this.#dataLength);
        this.#data.push(value);
        return;
      case "id":
        if (!value.includes("\0")) this.#idBuffer = value;
        return;
      case "retry":
        if (/^[0-9]+$/.test(value)) this.retry = Number(value);
        return;
      default:
    }
  }

  /** "Dispatch the event", up to the event itself. */
  #dispatch(): StreamEvent | null {
    this.lastEventId = this.#idBuffer;
    const [type, lines] = [this.#type, this.#data];
    this.#type = "";
    this.#data = [];
    this.#dataLength = 0;
    if (lines.length === 0) return null;
    return { type: type === "" ? "message" : type, data: lines.join("\n"), lastEventId: this.lastEventId };
  }
}
