using System.Runtime;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using RlNotebooks.Engine.References;

namespace RlNotebooks.Engine;

/// <summary>The chain of compiled cells and the variables they share.</summary>
internal sealed class ScriptChain : IDisposable
{
    private static readonly string[] Usings =
    [
        "System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq",
        typeof(CellHelpers).FullName!,
    ];

    private readonly InteractiveAssemblyLoader loader = new();
    private readonly NotebookReferenceResolver resolver;
    private readonly ScriptOptions options;
    private ScriptState<object>? state;

    public ScriptChain(string folder)
    {
        resolver = new NotebookReferenceResolver(folder, loader);
        loader.RegisterDependency(typeof(CellHelpers).Assembly);
        options = ScriptOptions.Default
            .WithReferences(FrameworkReferences.All)
            .WithImports(Usings)
            .WithMetadataResolver(resolver)
            .WithSourceResolver(ScriptSourceResolver.Default.WithBaseDirectory(folder))
            .WithLanguageVersion(LanguageVersion.Latest)
            .WithOptimizationLevel(OptimizationLevel.Release)
            .WithEmitDebugInformation(true)
            .WithFileEncoding(Encoding.UTF8);
    }

    /// <summary>Compiles and runs a cell on this thread. Returns what its code threw; throws when it does not compile.</summary>
    public (bool HasValue, object? Value, Exception? Error) Run(CellCode cell, CancellationToken cancellation)
    {
        var root = (CompilationUnitSyntax)CSharpSyntaxTree.ParseText(cell.Code,
            CSharpParseOptions.Default.WithKind(SourceCodeKind.Script).WithLanguageVersion(LanguageVersion.Latest), cancellationToken: cancellation).GetRoot(cancellation);
        UnsupportedDirectives.ThrowIfAny(root);
        var script = Compile(cell, root, cancellation);
        var hasValue = HasValue(script, cancellation);
        Task<ScriptState<object>>? run = null;
        void Start() => run = state is null
            ? script.RunAsync(globals: null, catchException: _ => true, cancellation)
            : script.RunFromAsync(state, catchException: _ => true, cancellation);

        // Ends loops that look at no token: what the type is for. Its documented hazard, broken shared state, is the price of
        // interrupting a notebook at all.
#pragma warning disable SYSLIB0046
        ControlledExecution.Run(Start, cancellation);
#pragma warning restore SYSLIB0046
        run!.Wait(cancellation);
        state = run.Result;
        return (hasValue, state.ReturnValue, state.Exception);
    }

    public void Dispose()
    {
        state = null;
        loader.Dispose();
    }

    // References and usings are inherited by later cells; saying them again would cost hundreds of megabytes per cell.
    private Script<object> Compile(CellCode cell, CompilationUnitSyntax root, CancellationToken cancellation)
    {
        var closure = root.GetReferenceDirectives().SelectMany(r => resolver.WithDependencies(r.File.ValueText)).Distinct();
        var script = state is null
            ? CSharpScript.Create<object>(cell.Code, options.WithFilePath(cell.Name).AddReferences(closure), globalsType: null, loader)
            : state.Script.ContinueWith<object>(cell.Code, options.WithFilePath(cell.Name).WithImports().WithReferences(closure));
        var errors = script.Compile(cancellation).Where(d => d.Severity == DiagnosticSeverity.Error).ToArray();
        return errors.Length == 0 ? script : throw new CellCompilationException(errors);
    }

    private static bool HasValue(Script script, CancellationToken cancellation)
    {
        var compilation = script.GetCompilation();
        var tree = compilation.SyntaxTrees.Last();
        return ((CompilationUnitSyntax)tree.GetRoot(cancellation)).Members.LastOrDefault() is GlobalStatementSyntax
            { Statement: ExpressionStatementSyntax { SemicolonToken.IsMissing: true } last }
            && compilation.GetSemanticModel(tree).GetTypeInfo(last.Expression, cancellation).Type is not { SpecialType: SpecialType.System_Void };
    }
}
