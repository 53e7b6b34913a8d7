package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/transform"
)

func (a *app) accessCommand() *cobra.Command {
	return group("access", "grant, extend, revoke and list the accesses of users in Piano",
		a.accessListCommand(), a.accessGrantCommand(), a.accessExtendCommand(), a.accessRevokeCommand())
}

// readingFlags are the flags of a command of care that only reads.
func readingFlags(c *cobra.Command) acting {
	none := ""
	f := acting{actor: &none, asJSON: jsonFlag(c)}
	config.AddFlags(c.Flags(), actionSections...)
	return f
}

func (a *app) accessListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list --user UID",
		Short: "list the accesses of a user, current and expired",
		Long: `Lists the accesses that Piano has for a user. Piano does not list revoked ones.
It sends nothing that changes anything.`,
		Example: `  pianola access list --user 4711`,
		Args:    cobra.NoArgs,
	}
	uid := c.Flags().String("user", "", "`UID` of the user")
	f := readingFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if strings.TrimSpace(*uid) == "" {
			return usageError{errors.New("give --user")}
		}
		return a.onCare(c, f, false, func(ctx context.Context, s *actions.Actions) error {
			all, more, err := s.Customers.Accesses(ctx, strings.TrimSpace(*uid))
			switch {
			case err != nil:
				return fmt.Errorf("access list: %w", err)
			case *f.asJSON:
				return a.printJSON(all)
			}
			return a.print(accessText(all, more, a.width()))
		})
	}
	return c
}

func (a *app) accessGrantCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "grant (--user UID | --file FILE) --resource RID (--until TIME | --never-ends)",
		Short: "give users access to a resource",
		Long: `Grants access to one resource. The file of --file has user ids and e-mail
addresses, by line or by comma. Addresses are looked up in Piano and stay in
memory: output and actions_log have their hash. Piano sends an e-mail only with
--send-email; the text of --message-file is added to it.
` + careHelp,
		Example: `  pianola access grant --user 4711 --resource RXYZ12 --until 2027-01-31T00:00:00Z
  pianola access grant --file winners.txt --resource RXYZ12 --never-ends --execute --reason "raffle of November"`,
		Args: cobra.NoArgs,
	}
	uid := c.Flags().String("user", "", "`UID` of the user")
	resource := c.Flags().String("resource", "", "`RID` of the resource")
	until := c.Flags().String("until", "", "the end of the access, a `TIME` such as "+instantForms)
	never := c.Flags().Bool("never-ends", false, "the access does not end")
	mail := c.Flags().Bool("send-email", false, "Piano informs the user by e-mail")
	message := c.Flags().String("message-file", "", "`FILE` with a text for this e-mail")
	f := a.careFlags(c, "user ids or e-mail addresses")
	c.RunE = func(c *cobra.Command, _ []string) error {
		action := actions.Action{Kind: actions.GrantAccess, UserID: strings.TrimSpace(*uid), ResourceID: strings.TrimSpace(*resource), SendMail: *mail}
		if err := f.check(action.UserID != "", "--user"); err != nil {
			return err
		}
		switch {
		case action.ResourceID == "":
			return usageError{errors.New("give --resource")}
		case (*until != "") == *never:
			return usageError{errors.New("give either --until or --never-ends")}
		case *message != "" && !*mail:
			return usageError{errors.New("--message-file: needs --send-email")}
		}
		if *until != "" {
			at, err := parseInstant(*until)
			if err != nil {
				return usageError{fmt.Errorf("--until: %w", err)}
			}
			action.At = &at
		}
		if *message != "" {
			text, err := messageOf(*message)
			if err != nil {
				return err
			}
			action.Text = text
		}
		request := []string{action.ResourceID, instantOf(action.At), strconv.FormatBool(*mail)}
		return a.care(c, f, action, request, func(text string) ([]actions.Item, error) { return actions.ParseUsers(text, action) })
	}
	return c
}

// messageOf reads the text of an e-mail.
func messageOf(path string) (customer.Personal, error) {
	file, err := os.Open(path)
	if err != nil {
		return customer.Personal{}, fmt.Errorf("--message-file: %w", safetext.NameError(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 4*customer.MaxComment+1))
	if err != nil {
		return customer.Personal{}, fmt.Errorf("--message-file: %w", safetext.NameError(err))
	}
	return customer.NewPersonal(strings.TrimSpace(string(text))), nil
}

func (a *app) accessExtendCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "extend (--user UID --access ID | --file FILE) (--until TIME | --months N | --days N)",
		Short: "extend an access",
		Long: `Moves the end of an access to a later time. --months and --days are added to the
present end, or to now where the access has ended. Each line of --file is a user
id and an access id, with a comma or a space between them.
` + careHelp,
		Example: `  pianola access extend --user 4711 --access ABC123 --days 30
  pianola access extend --user 4711 --access ABC123 --until 2027-01-31T00:00:00Z --execute --reason "TICKET-12"`,
		Args: cobra.NoArgs,
	}
	uid, access := userAndAccess(c)
	move := addMoveFlags(c, "until", "the new end")
	f := a.careFlags(c, "user id and access id")
	c.RunE = func(c *cobra.Command, _ []string) error {
		action := actions.Action{Kind: actions.ExtendAccess}
		request, err := move.apply("until", &action)
		if err != nil {
			return err
		}
		return a.careOfAccess(c, f, *uid, *access, action, request)
	}
	return c
}

func userAndAccess(c *cobra.Command) (uid, access *string) {
	return c.Flags().String("user", "", "`UID` of the user"), c.Flags().String("access", "", "`ID` of the access")
}

func (a *app) accessRevokeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "revoke (--user UID --access ID | --file FILE)",
		Short: "take an access away",
		Long: `Revokes an access. Piano refuses one that belongs to a subscription (code 5007):
cancel the subscription instead. Each line of --file is a user id and an access
id, with a comma or a space between them.
` + careHelp,
		Example: `  pianola access revoke --user 4711 --access ABC123
  pianola access revoke --file revoked.txt --execute --reason "end of the raffle"`,
		Args: cobra.NoArgs,
	}
	uid, access := userAndAccess(c)
	f := a.careFlags(c, "user id and access id")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.careOfAccess(c, f, *uid, *access, actions.Action{Kind: actions.RevokeAccess}, nil)
	}
	return c
}

// careOfAccess runs an action on one access, or on those of a file.
func (a *app) careOfAccess(c *cobra.Command, f careFlags, uid, access string, action actions.Action, request []string) error {
	uid, access = strings.TrimSpace(uid), strings.TrimSpace(access)
	if (uid == "") != (access == "") {
		return usageError{errors.New("give --user and --access")}
	}
	if err := f.check(uid != "", "--user and --access"); err != nil {
		return err
	}
	one := action
	one.UserID, one.AccessID = uid, access
	return a.care(c, f, one, append(request, string(action.Kind)), func(text string) ([]actions.Item, error) {
		entries, lines, err := actions.ParseLines(text)
		if err != nil {
			return nil, err
		}
		items := make([]actions.Item, len(entries))
		for i, entry := range entries {
			parts := strings.FieldsFunc(entry, func(r rune) bool { return strings.ContainsRune(", \t;", r) })
			if len(parts) != 2 || strings.Contains(entry, "@") || transform.Guard(entry) != entry {
				return nil, fmt.Errorf("line %d is not a user id and an access id", lines[i])
			}
			item := action
			item.UserID, item.AccessID = parts[0], parts[1]
			items[i] = actions.Item{Line: lines[i], Key: parts[0] + " " + parts[1], Action: item}
		}
		return items, nil
	})
}
