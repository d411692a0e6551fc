using System.Diagnostics;
using System.Globalization;
using RlNotebooks.Engine.Directives;
using RlNotebooks.Engine.Packages;

namespace RlNotebooks.Engine;

/// <summary>Runs cells with their directives: packages first, then code and imported files in order.</summary>
internal sealed class CellExecution(ScriptChain script, SessionPackages packages, string folder)
{
    private const int DeepestImport = 16;

    /// <summary>Runs on this thread. Returns what the code threw; throws when it does not compile or a directive cannot be followed.</summary>
    public (bool HasValue, object? Value, Exception? Error) Run(CellCode cell, CellContext context, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        CellInterruption.Token = cancellation;
        var (result, isTimed) = Run(cell.Name, cell.Code, 0, cancellation);
        if (isTimed)
        {
            context.Display(new Dictionary<string, string> { [Formatting.ValueFormatter.Plain] = string.Create(CultureInfo.InvariantCulture, $"Wall time: {clock.Elapsed.TotalMilliseconds:0.###}ms") });
        }

        return result;
    }

    private ((bool HasValue, object? Value, Exception? Error) Result, bool IsTimed) Run(string name, string code, int depth, CancellationToken cancellation)
    {
        var text = CellText.Of(code);
        var (references, extensions) = packages.Add(text, cancellation);
        (bool, object?, Exception? Error) result = default;
        foreach (var (extension, setUp) in extensions)
        {
            result = script.Run(extension, setUp, references, cancellation);
            references = [];
            if (result.Error is not null)
            {
                return (result, text.IsTimed);
            }
        }

        foreach (var part in text.Parts)
        {
            if (part is CodePart own)
            {
                result = script.Run(name, own.Code, references, cancellation);
                references = [];
            }
            else if (part is ImportPart import)
            {
                result = (false, null, Import(import, depth, cancellation));
            }

            if (result.Error is not null)
            {
                break;
            }
        }

        return (result, text.IsTimed);
    }

    private Exception? Import(ImportPart import, int depth, CancellationToken cancellation)
    {
        if (depth == DeepestImport)
        {
            throw new DirectiveException($"#!import {import.Path}: imports are {DeepestImport} deep; does the file import itself?", import.Line);
        }

        foreach (var (name, code) in ImportedFile.Read(import, folder))
        {
            if (Run(name, code, depth + 1, cancellation).Result.Error is { } error)
            {
                return error;
            }
        }

        return null;
    }
}
