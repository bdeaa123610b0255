/** What is open in the picture, and the pictures that show it. */

/** What a picture is kept under: its level, and what is open in it in any order. */
export function pictureKey(level, open = []) {
  return [level, ...[...new Set(open)].sort()].join("/");
}

/**
 * The pictures that are shown: the main one, and insets for what one file has no common picture
 * of. A host draws any; a file has those that it was saved with.
 */
export class Opened {
  /** @param {object} view */
  constructor(view) {
    this.view = view;
    this.level = view.doc.level;
    this.open = [];
    if (!this.known([])) this.open = Object.keys(view.doc.pictures)[0].split("/").slice(1);
    this.shownLevel = this.level;
    this.wanted = this.open; // in the main picture, which may be on its way
    this.insets = []; // [{open, frame}]
    this.problem = "";
    this.asked = 0;
  }

  known(open) {
    return this.view.doc.pictures[pictureKey(this.level, open)];
  }

  /** The pictures to show, the main one first; none while the main one is on its way. */
  pictures() {
    const main = this.known(this.open);
    return main ? [main, ...this.insets.map(({ open }) => this.known(open))] : [];
  }

  setLevel(level) {
    this.level = level;
    return this.main([]);
  }

  /** What is open in a picture or is to be; null where the picture is about to go. */
  openIn(place) {
    if (place) return this.insets[place - 1].open;
    return this.level === this.shownLevel ? this.wanted : null;
  }

  /** Open a group, seen in the main picture (place 0) or in an inset. */
  openGroup(id, place = 0) {
    const before = this.openIn(place);
    if (!before) return undefined;
    const wanted = [...before, id];
    if (this.known(wanted) || this.view.host.picture) return this.put(wanted, place);
    const inset = this.alone(id);
    if (!inset) this.tell(`This file does not hold that picture, to stay small. ${this.where(id)}`);
    else if (!this.insets.some(({ frame }) => frame === inset.frame)) {
      this.insets.push(inset);
      this.tell("");
    }
    return undefined;
  }

  /** Say where there is a picture that a file does not have at this level. */
  where(id) {
    const { levels, pictures } = this.view.doc;
    const keys = Object.keys(pictures).map((key) => key.split("/"));
    const found = levels.find((one) => keys.some(([level, ...open]) => level === one.id && open.includes(id)));
    return found ? `At the level “${found.title}” it does.` : "A notebook and chainrule lab draw it.";
  }

  /** Close a frame; `closes` is what this takes out of what is open. */
  closeGroup(frame, closes, place = 0) {
    if (place && this.insets[place - 1].frame === frame) {
      this.insets.splice(place - 1, 1);
      return this.tell("");
    }
    const before = this.openIn(place);
    if (!before) return undefined;
    const left = before.filter((id) => !closes.includes(id));
    return this.put(this.known(left) || this.view.host.picture ? left : [], place);
  }

  put(open, place) {
    if (!place) return this.main(open);
    this.insets[place - 1].open = open;
    return this.tell("");
  }

  /** Show other groups open in the main picture, as soon as there is one. */
  async main(open) {
    const ticket = (this.asked += 1);
    this.wanted = open;
    const { host, doc } = this.view;
    const level = this.level;
    if (!this.known(open) && host.picture) {
      const sorted = [...new Set(open)].sort();
      try {
        doc.pictures[pictureKey(level, open)] =
          await host.picture({ level, open: sorted, notation: doc.notation });
      } catch (error) {
        if (ticket !== this.asked) return;
        this.stay();
        this.tell(error.message);
        return;
      }
      if (ticket !== this.asked || doc !== this.view.doc) return;
    }
    if (!this.known(open)) {
      this.stay();
      return;
    }
    if (level !== this.shownLevel) this.insets = [];
    this.open = open;
    this.shownLevel = level;
    this.gather();
    this.wanted = this.open;
    this.tell("");
  }

  /** There is no picture of what was wanted: what is shown stays, as far as there is one of it. */
  stay() {
    [this.level, this.wanted] = [this.shownLevel, this.open];
    if (!this.known(this.open)) this.reset();
  }

  /** Take insets into the main picture, where there is one of both. */
  gather() {
    this.insets = this.insets.filter(({ open }) => {
      const both = [...this.open, ...open];
      if (!this.known(both)) return true;
      this.open = both;
      return false;
    });
  }

  /** The picture of a group opened, with those around it and nothing else. */
  alone(id) {
    const all = Object.keys(this.view.doc.pictures)
      .map((key) => key.split("/"))
      .filter(([level, ...open]) => level === this.level && open.includes(id))
      .sort((a, b) => a.length - b.length);
    if (!all.length) return null;
    const open = all[0].slice(1);
    const { frames } = this.known(open);
    return { open, frame: Object.keys(frames).find((one) => frames[one].closes === id) };
  }

  /** Another document is shown: what is open stays, as far as it has pictures of it. */
  follow() {
    const { doc, host } = this.view;
    this.problem = "";
    if (!doc.levels.some(({ id }) => id === this.level)) this.reset();
    const there = this.insets.filter(({ open }) => this.known(open));
    if (!host.picture && (there.length < this.insets.length || !this.known(this.open))) {
      this.problem = "In this notation the file does not hold a picture of all that was open.";
    }
    this.insets = there;
    if (this.known(this.open) && this.wanted === this.open) return;
    if (host.picture) this.main(this.wanted);
    else this.less();
  }

  /** Close what was opened last, and so on, until there is a picture. */
  less() {
    while (this.open.length && !this.known(this.open)) this.open = this.open.slice(0, -1);
    if (!this.known(this.open)) this.reset();
    this.wanted = this.open;
  }

  reset() {
    [this.level, this.open, this.insets] = [this.view.doc.level, [], []];
    [this.shownLevel, this.wanted] = [this.level, this.open];
  }

  tell(problem) {
    this.problem = problem;
    this.view.showPicture();
    this.view.say(problem || `Picture: ${this.level}`);
  }
}
