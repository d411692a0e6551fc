using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlNotebooks.Documents;

/// <summary>An nbformat 4 notebook. Everything this class does not know is kept as it was read.</summary>
public sealed class Notebook
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 512 };

    private readonly JsonObject root;
    private readonly JsonArray cells;

    private Notebook(JsonObject root, JsonArray cells) => (this.root, this.cells) = (root, cells);

    /// <summary>In document order.</summary>
    public IReadOnlyList<NotebookCell> Cells => [.. cells.Select(c => new NotebookCell((JsonObject)c!))];

    /// <summary>Whether the format's version knows cell ids (4.5).</summary>
    public bool HasCellIds => root["nbformat_minor"] is JsonValue minor && minor.TryGetValue<int>(out var number) && number >= 5;

    /// <summary>An empty notebook with the metadata that Jupyter and the VS Code extensions open well.</summary>
    public static Notebook Create() => Parse("""
        {"cells": [], "metadata": {"kernelspec": {"display_name": ".NET (C#)", "language": "C#", "name": ".net-csharp"},
         "language_info": {"name": "C#", "file_extension": ".cs", "mimetype": "text/x-csharp", "pygments_lexer": "csharp", "version": "14.0"},
         "polyglot_notebook": {"kernelInfo": {"defaultKernelName": "csharp", "items": [{"aliases": [], "name": "csharp"}]}}},
         "nbformat": 4, "nbformat_minor": 5}
        """, "new notebook");

    /// <summary>Reads a file.</summary>
    /// <exception cref="NotebookException">The file is absent or not a notebook of format 4.</exception>
    public static Notebook Load(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new NotebookException($"{path}: there is no such file. Check the path; it is relative to the current directory.");
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new NotebookException($"{path}: cannot be read ({e.Message}). Give the path of an .ipynb file.");
        }
    }

    /// <summary>Reads text.</summary>
    /// <param name="json">The file's content.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="NotebookException">The text is not a notebook of format 4.</exception>
    public static Notebook Parse(string json, string name)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(json, documentOptions: Strict);
        }
        catch (JsonException e)
        {
            throw new NotebookException($"{name}: not valid JSON, {e.Message} Restore the file, or look there for a merge conflict.");
        }

        if (!HasValidTexts(node))
        {
            throw new NotebookException($"{name}: a text in it holds half of a surrogate pair. Open and save it in a notebook editor.");
        }

        if (node is not JsonObject root || root["nbformat"] is not JsonValue version || !version.TryGetValue<int>(out var major))
        {
            throw new NotebookException($"{name}: valid JSON, but not a notebook (no \"nbformat\" number). Give an .ipynb file.");
        }

        if (major != 4)
        {
            throw new NotebookException($"{name}: nbformat {major}; this program reads format 4. Convert it: jupyter nbconvert --to notebook --nbformat 4 {Path.GetFileName(name)}");
        }

        if (root["cells"] is not JsonArray cells || cells.Any(c => c is not JsonObject o || o["cell_type"] is not JsonValue || o["source"] is null))
        {
            throw new NotebookException($"{name}: a notebook whose \"cells\" is not a list of cells with \"cell_type\" and \"source\". Open and save it in a notebook editor.");
        }

        for (var i = 0; i < cells.Count; i++)
        {
            if (NotebookShape.Fault((JsonObject)cells[i]!) is { } fault)
            {
                throw new NotebookException($"{name}: cell {i + 1} {fault}. Open and save it in a notebook editor.");
            }
        }

        var notebook = new Notebook(root, cells);
        notebook.AddMissingIds();
        return notebook;
    }

    /// <summary>Inserts a code cell.</summary>
    public NotebookCell InsertCode(int index, string id, string source, params string[] tags)
    {
        var json = new JsonObject
        {
            ["cell_type"] = "code",
            ["execution_count"] = null,
            ["metadata"] = new JsonObject
            {
                ["dotnet_interactive"] = new JsonObject { ["language"] = "csharp" },
                ["polyglot_notebook"] = new JsonObject { ["kernelName"] = "csharp" },
            },
            ["outputs"] = new JsonArray(),
            ["source"] = NotebookCell.Lines(source),
        };
        if (tags.Length > 0)
        {
            json["metadata"]!["tags"] = new JsonArray([.. tags.Select(t => (JsonNode)t)]);
        }

        if (HasCellIds)
        {
            json["id"] = id;
        }

        cells.Insert(index, json);
        return new NotebookCell(json);
    }

    /// <summary>Removes a cell.</summary>
    public void RemoveAt(int index) => cells.RemoveAt(index);

    /// <summary>The file's content as Jupyter writes it.</summary>
    public string ToJson() => NotebookJson.Write(root);

    /// <summary>Writes the file, whole or not at all.</summary>
    public void Save(string path)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        File.WriteAllText(temporary, ToJson());
        File.Move(temporary, path, overwrite: true);
    }

    // JSON can escape what no text can hold; it would be noticed anywhere later.
    private static bool HasValidTexts(JsonNode? node)
    {
        try
        {
            _ = node?.ToJsonString(new JsonSerializerOptions { MaxDepth = 1024 });
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private void AddMissingIds()
    {
        if (HasCellIds)
        {
            for (var i = 0; i < cells.Count; i++)
            {
                cells[i]!["id"] ??= $"cell-{i + 1}";
            }
        }
    }
}
