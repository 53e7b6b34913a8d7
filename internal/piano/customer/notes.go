package customer

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// Note is a text of staff about a user.
type Note struct {
	ID                   string
	Content              Personal
	By                   Personal // the name of who wrote it
	CreatedAt, UpdatedAt *time.Time
	ReadOnly             bool
}

type note struct {
	ID      word     `json:"user_note_id"`
	Content Personal `json:"content"`
	By      struct {
		Name  Personal `json:"personal_name"`
		Email Personal `json:"email"`
	} `json:"create_by"`
	Created  piano.Date `json:"create_date"`
	Updated  piano.Date `json:"update_date"`
	ReadOnly flag       `json:"readonly"`
}

func decodeNote(raw note) (Note, error) {
	n := Note{ID: string(raw.ID), Content: raw.Content, By: raw.By.Name, ReadOnly: raw.ReadOnly.on}
	if n.ID == "" {
		return Note{}, fmt.Errorf("%w: note.user_note_id: is missing", piano.ErrShape)
	}
	if n.By.Empty() {
		n.By = raw.By.Email
	}
	readable(map[string]dateField{"create_date": {raw.Created, &n.CreatedAt}, "update_date": {raw.Updated, &n.UpdatedAt}})
	return n, nil
}

// Notes reads the notes about a user, the latest first.
func (c *Client) Notes(ctx context.Context, uid string) (rows []Note, more bool, err error) {
	return all(ctx, c, piano.ListNotes, url.Values{"uid": {uid}, "order_by": {"create_date"}, "order_direction": {"desc"}}, "user_note_id", decodeNote)
}

// Mail is an e-mail that Piano sent to a user. Its body is never read: it may contain links
// that log in.
type Mail struct {
	ID, Status, Template             string
	CreatedAt, OpenedAt              *time.Time
	Subject, Recipient, RejectReason Personal
}

type mail struct {
	ID        word       `json:"email_id"`
	Status    word       `json:"status"`
	Template  word       `json:"email_name"`
	Created   piano.Date `json:"create_date"`
	Opened    piano.Date `json:"open_date"`
	Subject   Personal   `json:"subject"`
	Recipient Personal   `json:"recipient"`
	Reason    Personal   `json:"reject_reason"`
}

func decodeMail(raw mail) (Mail, error) {
	m := Mail{ID: string(raw.ID), Status: string(raw.Status), Template: string(raw.Template), Subject: raw.Subject, Recipient: raw.Recipient,
		RejectReason: raw.Reason}
	if m.ID == "" {
		return Mail{}, fmt.Errorf("%w: email.email_id: is missing", piano.ErrShape)
	}
	readable(map[string]dateField{"create_date": {raw.Created, &m.CreatedAt}, "open_date": {raw.Opened, &m.OpenedAt}})
	return m, nil
}

// Mails reads the e-mails to a user without their bodies, the latest first.
func (c *Client) Mails(ctx context.Context, uid string) (rows []Mail, more bool, err error) {
	return all(ctx, c, piano.ListMails, url.Values{"uid": {uid}, "include_email_body": {"false"}, "order_by": {"date_created"}, "order_direction": {"desc"}}, "email_id", decodeMail)
}
