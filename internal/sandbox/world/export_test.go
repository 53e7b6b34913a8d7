package world

// Inherited returns the other forms that a row may have.
func (tr *Truth) Inherited(row *Row) []Row { return tr.inherited(tr.newEncoder(), row) }
