using System.Text.Json.Nodes;
using RlNotebooks.Documents;

namespace RlNotebooks.Engine.Directives;

/// <summary>The code of a file that <c>#!import</c> names: a script, or the code cells of a notebook.</summary>
internal static class ImportedFile
{
    /// <summary>Named pieces of code, in order.</summary>
    /// <param name="part">What the cell says.</param>
    /// <param name="folder">What the path is relative to.</param>
    /// <exception cref="DirectiveException">There is no such file, or it is of another kind.</exception>
    public static IReadOnlyList<(string Name, string Code)> Read(ImportPart part, string folder)
    {
        var path = System.IO.Path.GetFullPath(part.Path, folder);
        if (!File.Exists(path))
        {
            throw new DirectiveException($"#!import {part.Path}: there is no such file. The path is relative to the notebook.", part.Line);
        }

        var name = System.IO.Path.GetFileName(path);
        return System.IO.Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".cs" or ".csx" => [(name, File.ReadAllText(path))],
            ".ipynb" => [.. Notebook.Load(path).Cells.Where(c => c.IsCode && c.Source.Trim().Length > 0).Select((c, i) => ($"{name}, cell {i + 1}", CSharpOf(c, part, i + 1)))],
            ".dib" => [.. DibFile.CodeCells(File.ReadAllText(path), $"#!import {part.Path}", part.Line).Select((c, i) => ($"{name}, cell {i + 1}", c))],
            var other => throw new DirectiveException($"#!import {part.Path}: files of kind '{other}' cannot be imported; .cs, .csx, .dib and .ipynb can.", part.Line),
        };
    }

    private static string CSharpOf(NotebookCell cell, ImportPart part, int number)
    {
        var metadata = cell.Json["metadata"] as JsonObject;
        var language = metadata?["polyglot_notebook"]?["kernelName"]?.ToString() ?? metadata?["dotnet_interactive"]?["language"]?.ToString() ?? "csharp";
        return language == "csharp" ? cell.Source
            : throw new DirectiveException($"#!import {part.Path}: its code cell {number} is written in {language}; this kernel runs C# only.", part.Line);
    }
}
