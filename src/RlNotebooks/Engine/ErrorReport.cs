using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Microsoft.CodeAnalysis;

namespace RlNotebooks.Engine;

/// <summary>Turns an exception into what a notebook shows: the cells' own frames, no machine paths, no frames of the engine.</summary>
internal static class ErrorReport
{
    private const int MostFrames = 30;

    public static CellError From(Exception exception, CellCode cell, string folder)
    {
        var error = exception switch
        {
            CellCompilationException e => FromDiagnostics(e.Errors, cell),
            UnsupportedDirectiveException e => new CellError("NotSupported", e.Message, [$"{cell.Name}, line {e.Line}: {e.Message}"], e.Line),
            _ => FromThrown(exception, cell),
        };
        return error with
        {
            Message = MachinePaths.Remove(error.Message, folder),
            Traceback = [.. error.Traceback.Select(l => MachinePaths.Remove(l, folder))],
        };
    }

    private static CellError FromDiagnostics(IReadOnlyList<Diagnostic> errors, CellCode cell)
    {
        var lines = errors.Take(MostFrames).Select(d =>
        {
            var at = d.Location.GetLineSpan().StartLinePosition;
            var where = d.Location.IsInSource ? $"{cell.Name}, line {at.Line + 1}, column {at.Character + 1}: " : "";
            return $"{where}error {d.Id}: {d.GetMessage(CultureInfo.InvariantCulture)}";
        }).ToArray();
        return new CellError("CompilationError", $"{errors[0].Id}: {errors[0].GetMessage(CultureInfo.InvariantCulture)}", lines,
            errors[0].Location.IsInSource ? errors[0].Location.GetLineSpan().StartLinePosition.Line + 1 : null);
    }

    private static CellError FromThrown(Exception exception, CellCode cell)
    {
        var shown = exception is TargetInvocationException { InnerException: { } inner } ? inner : exception;
        var lines = new List<string>();
        int? line = null;
        for (var e = shown; e is not null; e = e.InnerException)
        {
            lines.Add($"{(lines.Count > 0 ? "---> " : "")}{e.GetType().Name}: {e.Message}");
            var frames = new StackTrace(e, fNeedFileInfo: true).GetFrames();
            lines.AddRange(UpToTheCell(frames).Take(MostFrames).Select(Describe));
            line ??= frames.FirstOrDefault(f => f.GetFileName() == cell.Name)?.GetFileLineNumber();
        }

        return new CellError(shown.GetType().Name, shown.Message, lines, line);
    }

    private static IEnumerable<StackFrame> UpToTheCell(StackFrame[] frames)
    {
        var last = Array.FindLastIndex(frames, IsOfCell);
        return frames.Take(last + 1).Where(f => f.GetMethod() is { DeclaringType: { } type }
            && type.Namespace is not ("System.Runtime.CompilerServices" or "System.Runtime.ExceptionServices"));
    }

    private static bool IsOfCell(StackFrame frame) =>
        frame.GetMethod()?.DeclaringType?.FullName?.StartsWith("Submission#", StringComparison.Ordinal) == true;

    private static string Describe(StackFrame frame)
    {
        var method = frame.GetMethod()!;
        if (IsOfCell(frame))
        {
            var line = frame.GetFileLineNumber();
            var name = method.Name is "MoveNext" || method.Name.StartsWith('<') ? "" : $"{method.Name}() in ";
            return $"   at {name}{frame.GetFileName() ?? "an earlier cell"}{(line > 0 ? $", line {line}" : "")}";
        }

        return $"   at {method.DeclaringType!.FullName}.{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.ParameterType.Name))})";
    }
}
