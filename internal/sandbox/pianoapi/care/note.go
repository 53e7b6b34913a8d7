package care

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// notePrefix begins the ids of notes.
const notePrefix = "UN"

// note is a text of support about a user. Piano has no call that deletes one.
type note struct {
	id       string
	owner    user
	text     string
	at       schemas.Millis
	changed  schemas.NullMillis
	readonly bool
}

func (d *Desk) seedNotes(u user) []*note {
	if !d.oneIn(12, "note", u.UID) {
		return nil
	}
	text := pianoapi.AttackOn(pianoapi.CanaryNote+": called about the delivery, is hard of hearing. ", u.number)
	return []*note{{id: partID(notePrefix, u.number, 0), owner: u, text: text, at: d.since(300, "note", u.UID), readonly: d.oneIn(3, "readonly", u.UID)}}
}

// Note is a note as the API writes it. Its dates are texts.
type Note struct {
	ID         string            `json:"user_note_id"`
	User       pianoapi.User     `json:"user"`
	Content    string            `json:"content"`
	Type       string            `json:"type"`
	CreateDate *string           `json:"create_date"`
	CreateBy   map[string]string `json:"create_by"`
	UpdateDate *string           `json:"update_date"`
	UpdateBy   map[string]string `json:"update_by"`
	Readonly   bool              `json:"readonly,omitempty"`
}

// member is the member of the team who does everything.
func member() map[string]string {
	return map[string]string{"uid": "TMSTAFF01", "email": "kanarie.support@example.com", "first_name": pianoapi.CanaryFirst, "last_name": pianoapi.CanaryLast}
}

func shownNote(n *note) Note {
	s := Note{
		ID: n.id, User: n.owner.User, Content: n.text, Type: "text", CreateDate: wire.Plain(wire.At(n.at)), CreateBy: member(),
		UpdateDate: wire.Plain(n.changed), Readonly: n.readonly,
	}
	if n.changed.Valid {
		s.UpdateBy = member()
	}
	return s
}

// noteCreate adds a note. The same request again adds another.
func (d *Desk) noteCreate(r *http.Request, u user) wire.Answer {
	if a, missing := wire.Missing(r, "content"); missing {
		return a
	}
	readonly, ok := wire.FlagOr(r, "readonly", false)
	if !ok {
		return wire.Invalid("readonly", "must be true or false")
	}
	f := d.keep(u)
	n := &note{id: partID(notePrefix, u.number, len(f.notes)), owner: u, text: r.Form.Get("content"), at: d.millis(), readonly: readonly}
	f.notes = append(f.notes, n)
	return wire.Succeeded("user_note", shownNote(n))
}

// noteList returns the notes about one user, or about all.
func (d *Desk) noteList(r *http.Request) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	by, ok := wire.OneOf(r, "order_by", "create_date", "user_note_id", "update_date")
	if !ok {
		return wire.Invalid("order_by", "is unknown")
	}
	direction, ok := wire.OneOf(r, "order_direction", "asc", "desc")
	if !ok {
		return wire.Invalid("order_direction", "is unknown")
	}
	text := strings.ToLower(r.Form.Get("q"))
	var all []*note
	for f := range d.filesOf(r.Form.Get("uid")) {
		for _, n := range f.notes {
			if strings.Contains(strings.ToLower(n.text), text) {
				all = append(all, n)
			}
		}
	}
	slices.SortStableFunc(all, func(x, y *note) int {
		order := cmp.Compare(x.at, y.at)
		switch by {
		case "user_note_id":
			order = strings.Compare(x.id, y.id)
		case "update_date":
			order = cmp.Compare(x.changed.Millis, y.changed.Millis)
		}
		if direction == "desc" {
			return -order
		}
		return order
	})
	return wire.List("user_notes", all, page, shownNote)
}

// note returns the note of a request, or nil.
func (d *Desk) note(r *http.Request) (*file, *note) {
	f, at, ok := d.fileByID(notePrefix, r.Form.Get("user_note_id"))
	if !ok || at >= len(f.notes) {
		return nil, nil
	}
	return f, f.notes[at]
}

func (d *Desk) noteGet(r *http.Request) wire.Answer {
	_, n := d.note(r)
	if n == nil {
		return wire.Failed(wire.CodeNotFound, "Note not found")
	}
	return wire.Succeeded("user_note", shownNote(n))
}

func (d *Desk) noteUpdate(r *http.Request) wire.Answer {
	if a, missing := wire.Missing(r, "content"); missing {
		return a
	}
	f, n := d.note(r)
	if n == nil {
		return wire.Failed(wire.CodeNotFound, "Note not found")
	}
	readonly, ok := wire.FlagOr(r, "readonly", n.readonly)
	switch {
	case !ok:
		return wire.Invalid("readonly", "must be true or false")
	case n.readonly:
		return wire.Failed(wire.CodeAccess, "The note is read only")
	}
	d.files[f.owner.UID] = f
	n.text, n.readonly, n.changed = r.Form.Get("content"), readonly, wire.At(d.millis())
	return wire.Succeeded("user_note", shownNote(n))
}
