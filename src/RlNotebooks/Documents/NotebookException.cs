namespace RlNotebooks.Documents;

/// <summary>A notebook that cannot be read or run as asked; the message names the file and the remedy.</summary>
public sealed class NotebookException(string message) : Exception(message);
